import spy
from options_elsewhere import make_parser

if __name__ == "__main__":
    spy.received(**vars(make_parser().parse_args()))
