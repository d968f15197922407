# What CI runs, runnable on a laptop: `make check`.
RUN := uv run --no-sync

.PHONY: check sync format lint types test

check: lint types test

sync:
	UV_COMPILE_BYTECODE=1 uv sync

format:
	$(RUN) ruff format .
	$(RUN) ruff check --fix .

lint:
	$(RUN) ruff format --check .
	$(RUN) ruff check .

types:
	$(RUN) mypy

test:
	$(RUN) pytest
