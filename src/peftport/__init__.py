"""Measure how well the task knowledge in a PEFT module survives the move to another host.

The rooms, in the order in which a study passes through them:

data        datasets: generated, read from files, or from a hub; prompts and batches
hosts       frozen pretrained language models: built here, bundled, local, or from a hub
techniques  the PEFT methods, one file each, as methods of the ``peft`` library
training    the loop that trains modules in one frozen host
porting     initialisations: what a module in the target host starts from
evaluation  scores at every budget
statistics  tables in, tables out
figures     tables in, pictures out
report      one page that says what came out

They meet through files (``tables``, ``modules``); nothing happens at import.
"""

__version__ = "0.1.0"
