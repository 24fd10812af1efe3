"""Router: which expert answers what, under which budget, how good that is, and its versions."""
