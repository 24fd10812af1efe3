"""OpenAI's Embeddings API, for experts with the capability ``embeddings``."""
