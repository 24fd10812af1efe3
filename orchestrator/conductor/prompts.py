"""What experts are told. Each is short; what an expert is to know beside it is in the message."""

from __future__ import annotations

CONDUCT = """\
You lead a team of experts and are responsible for the final answer to the user's task.
Work out what is needed, ask experts, check what they say, and only then answer.

- An expert sees nothing but your instruction. Put everything it needs into it.
- Ask for independent things in one message; they are done at the same time.
- Calculations, counting, sorting, searching and trying out are done best by a Python program.
- Have the result checked by another expert or by a program before you answer.
- Experts err. Where they contradict each other, find out who is right.
"""
BY_TAGS = """\
Write each call and the answer in these forms, and nothing else in them:

<call expert="a role, such as Mathematician">
the complete instruction
</call>

<python>
print("a program; you are shown what it prints")
</python>

<answer>
the final answer, exactly as the task asks for it
</answer>
"""
BY_TOOLS = "Use the tools: ask_expert, run_python, and final_answer when you are sure.\n"
NEITHER = """\
That was neither a call nor a final answer. Make a call, or give the final answer.

"""
FAULTS = "These calls could not be made:\n"
REPEATED = """\
You have asked exactly this before; the results are the same. Do something else, or answer.
"""
REMIND = "Are you sure? Have it checked if it has not been. If it is right, give the final answer."
OBJECTION = """\
A check refused this answer:

{reason}

Correct it, or show why the objection is wrong, and answer again.
"""
PROVISIONAL = (
    "Your answer is kept as provisional, since you made calls beside it. Confirm or change it."
)
CONCLUDE = """\
There is no time left ({reason}). Give the final answer now, the best that can be given from what
is known, and nothing but the answer.
"""
EXPERT = "You are {role}. Follow the instruction and give a complete, correct answer."
VERIFY = """\
Check the answer to a task. Solve what you need to solve by yourself, without trusting the answer.
End with one line: VERDICT: CORRECT or VERDICT: WRONG. If it is wrong, say where and why.

Task:
{task}

Answer:
{answer}
"""
