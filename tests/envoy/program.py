"""A gRPC program without a proxy: calls `xds:///SERVICE` as often as each line of its input says, and prints, a line
each time, which hosts have answered."""

import json
import sys
from collections import Counter

import grpc

METHOD = "/hosts.Host/Name"


def main(service: str) -> None:
    with grpc.insecure_channel(f"xds:///{service}") as channel:
        name = channel.unary_unary(METHOD, None, None)
        for line in sys.stdin:
            answers = Counter(name(b"", wait_for_ready=True, timeout=60).decode() for _ in range(int(line)))
            print(json.dumps(answers), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
