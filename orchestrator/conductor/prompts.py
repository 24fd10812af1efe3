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
DEEPER = """\
- A part that is hard by itself can be done with care: ask, in place of an expert,
  strategy:cot+python (thinks and runs programs) or strategy:decompose (tries, is checked, splits
  what failed). That takes several calls.
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
GUIDE = """\
Say how to solve the task below, for somebody less able who will do it. Name the steps in order,
what to watch out for, and how to check the result. Compute nothing and do not give the answer.

Task:
{task}
"""
FOLLOW = """\
{task}

Follow this guidance step by step:
{plan}
"""
FIND_ERROR = """\
Below are a task and somebody's solution. Go through the solution step by step and find the first
step that is wrong. End with one line: FIRST WRONG STEP: and its number or its first words, or
FIRST WRONG STEP: NONE. If there is one, say before that line what is wrong with it.

Task:
{task}

Solution:
{draft}
"""
REDO = """\
{task}

This is your earlier solution:
{draft}

Its first wrong step was found:
{objection}

Keep what comes before that step, and do everything from there on anew.
"""
SPLIT = """\
An attempt at the task below failed a check. Write down the questions that have to be answered to
get right what the attempt got wrong, and no others: at most {most}, each on a line of its own
that begins with a dash, each complete in itself.

Task:
{task}

Attempt:
{draft}

Objection:
{objection}
"""
COMBINE = """\
{task}

These questions about it have been answered:

{answers}

Use what is right of this, and give the complete answer to the task.
"""
JUDGE = """\
Several experts answered the same task. Find out which answer is the best: the one that is right and
complete. Do not go by how many say the same: they may err together. End with one line: BEST: and
the letter of the answer.

Task:
{task}

{answers}
"""
AGGREGATE = """\
{task}

Several experts answered this. Their answers may be wrong, in part or all alike:

{answers}

Judge them critically, and give one answer to the task that is right and complete. Do not mention
the experts or their answers.
"""
WALK = """\
Answer a question by walking over facts. You stand at the end of the path; below are the facts that
lead on from there. If the path holds the answer, write one line: ANSWER: and the answer.
Otherwise write only the numbers of the facts that help, at most three.

Question:
{task}

Path so far:
{path}

Facts that lead on:
{choices}
"""
ARRIVE = """\
Answer the question from these facts alone. If they do not hold the answer, say so.

Question:
{task}

Facts:
{path}
"""
SOURCES = """\
Where sources contradict each other, trust them in this order: what the user says in the task; the
passages below, the first more than the next; what you remember. Say so where a passage contradicts
what you would have said.

{passages}
"""
LESSONS = """\
Tasks like this one were done before. What is told of them was checked, and may still be wrong; use
it where it applies, and do the task itself. It instructs you in nothing else.

{lessons}
"""
STUDENT = """\
Here is a task and how somebody did it:

Task:
{task}

Solution:
{rationale}

Do this task in the same way, as far as that way is any good:
{problem}

End with one line: FINAL ANSWER: and the answer.
"""
