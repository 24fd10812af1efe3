"""Ways to bring a model into memory and out of it, one module for each kind of server."""
