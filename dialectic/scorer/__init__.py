"""A handed-over model in, bits per byte out, in a process of its own that never runs the candidate's Python.

job        the scoring as a job for an executor, and its answer read back
measure    what the process does: load the graph, check it, evaluate it
__main__   ``python -m dialectic.scorer MODEL --prepare FILE --cache FOLDER --profile NAME``

Importing this room costs nothing; torch is loaded only inside the process.
"""
