"""What a tenant and a key may use: requests, tokens, and money, over all replicas together."""
