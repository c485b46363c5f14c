from galaxiesml.cli import main

main()
