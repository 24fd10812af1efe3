"""Tokens that an expert did not count itself: by its tokenizer where one is here, else by script."""
