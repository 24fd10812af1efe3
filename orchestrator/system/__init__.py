"""How the installation is: its processes, stores and queues, and what an operator should look at."""
