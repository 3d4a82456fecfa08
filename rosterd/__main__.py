"""`python -m rosterd`: the same as the command `rosterd`."""

from rosterd.cli import main

if __name__ == "__main__":
    main()
