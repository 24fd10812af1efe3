"""The playground: one message, several models, side by side."""
