"""Circuit breakers, known to all replicas: shared, shown, reset, and tried where that costs nothing."""
