"""The two stores the service can run by itself: a real Postgres and a real Valkey from wheels."""
