from ovn_integrate.cli.main import run

if __name__ == "__main__":
    run()
