"""Serves S3 on the loopback with moto, one request at a time.

Moto looks whether an object exists and creates it later: with a thread for each request, two
writers under load both create it. One thread makes a conditional put what it is in a real service.
"""

import moto.server

run_simple = moto.server.run_simple


def run_one_at_a_time(*arguments, **options):
    run_simple(*arguments, **{**options, "threaded": False})


moto.server.run_simple = run_one_at_a_time
moto.server.main(["-H", "127.0.0.1", "-p", "0"])
