"""`python -m botkit`, the same as `botkit`."""

from botkit.cli.main import main

if __name__ == "__main__":
    main()
