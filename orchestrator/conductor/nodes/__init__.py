"""What strategies are made of: async functions of the state and the run."""
