"""System: the processes, queues and stores that the service is made of."""
