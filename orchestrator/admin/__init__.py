"""The admin web UI: a client of the API like any other, which happens to draw pages."""
