"""A handed-over model in, bits per byte out, in a process of its own that never runs the candidate's Python.

job        the scoring as a job for an executor, and its answer read back
measure    what the process does: read the graph, check it, evaluate it
archive    the members of the file, by name and size
program    its graph as checked values (values), its calls in the allowed set (operators)
tensors    its weights from raw bytes
graph      the graph as a function, played by our own loop
checks     is it a language model: finite, causal, the same for every row and at every time
refusal    why a file is not scored
__main__   ``python -m dialectic.scorer MODEL --prepare FILE --cache FOLDER --profile NAME``

Importing this room costs nothing; torch is loaded only inside the process.
"""
