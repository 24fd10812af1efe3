"""What answers and verdicts prove about experts: pure statistics of arrays, no network, no database.

:mod:`.means` intervals that hold for few prompts, :mod:`.comparison` two experts on the same prompts,
:mod:`.preference` and :mod:`.agreement` judges, :mod:`.admission` a new expert, :mod:`.selection` which
prompts are worth asking, :mod:`.behaviour` how an expert answers, whatever it knows.
"""
