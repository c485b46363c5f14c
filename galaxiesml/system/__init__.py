"""What the operating system gives and refuses: files that appear whole, signals, streams, processes."""
