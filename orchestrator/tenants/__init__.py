"""Who asks, and the key they ask with."""
