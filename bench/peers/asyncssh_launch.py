"""Jobs on several hosts with asyncssh: one connection a host, ten sessions at once on each (sshd's MaxSessions).

Arguments: jobs per host, identity file, then addresses. Prints seconds to the end of each job, one line of JSON.
"""

import asyncio
import json
import sys
import time

import asyncssh


async def host(address, jobs, key, started, took):
    async with asyncssh.connect(address, username="root", client_keys=[key], known_hosts=None) as connection:
        places = asyncio.Semaphore(10)

        async def one():
            async with places:
                result = await connection.run("nohup true >/dev/null 2>&1 </dev/null & echo $!", check=True)
                assert int(result.stdout) > 0
                took.append(time.monotonic() - started)

        await asyncio.gather(*(one() for _ in range(jobs)))


async def main():
    jobs, key, addresses = int(sys.argv[1]), sys.argv[2], sys.argv[3:]
    started, took = time.monotonic(), []
    await asyncio.gather(*(host(address, jobs, key, started, took) for address in addresses))
    print(json.dumps(took))


asyncio.run(main())
