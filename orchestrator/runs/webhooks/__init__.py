"""Webhooks: signed messages about runs, sent until they arrive or a day and more has passed."""
