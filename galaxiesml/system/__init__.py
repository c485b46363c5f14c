"""The operating system: files that appear complete, signals, streams, processes, errors of disk and memory."""
