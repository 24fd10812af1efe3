"""Which strategy answers the requests of a category: chosen by operators, in force on every replica."""
