"""What strategies are worth: tasks with known answers, graders, simulated experts, the report."""
