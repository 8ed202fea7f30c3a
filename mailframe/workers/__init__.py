"""Worker processes: the same server several times, sharing its ports and its data, so that it uses all cores.

One process binds the ports, starts the parts and keeps what one alone may do: sending what is queued, tidying up, the
control socket. The workers serve clients. Each is a whole server of its own, made from the same configuration; what
they change meets in the data, which they write in turns, and what the others have to hear of they tell each other by
way of the first process (L{mailframe.workers.fellows}).

What is counted or remembered in memory, such as connections for each address and failed logins, each worker counts for
itself.
"""
