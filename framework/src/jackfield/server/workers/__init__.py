"""Rooms in worker processes, so that more than one core forwards: `jackfield serve --workers N`.

`WorkersMedia` stands where one `Sfu` would: the service stays in this process, and each worker is an `Sfu` in a process
of its own, with a UDP port of its own. A room is on one worker for as long as it exists. Media goes between clients and
workers alone; signalling and RoomService come to this process, which hands them through.

Here: `worker` keeps one running, and starts it anew; `running` is one process, as this one sees it; `places` knows
which worker has which room; `signalling`, `passage` and `service` hand through; `loads` adds up. There: `process` and
`control`. Both: `wire`.
"""

from jackfield.server.workers.media import WorkersMedia

__all__ = ["WorkersMedia"]
