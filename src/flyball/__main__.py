"""Run `python -m flyball` as the `flyball` command."""

from flyball.cli.main import main

if __name__ == "__main__":
    main()
