"""The service: HTTP API, tenants, usage, catalogue administration, command line."""
