"""Worker processes: what does not have to happen inside a request."""
