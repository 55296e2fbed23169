// Package registry keeps at etcd who is alive, who leads, and which numbers are
// taken. What it promises:
//
// Registration. An instance is listed while its process lives, and until 10 s after a crash; after Close it is
// not listed any more. Whenever etcd has lost it (a lease ran out, the data is gone), it is registered again.
//
// Resolver. gRPC targets gochat:///service follow the list; an instance whose registration ran out is dropped
// 15 s later. While etcd is away nothing changes, and when the list empties, as when etcd was restored empty, its
// last addresses are kept for minutes.
//
// Worker ids. A number belongs to one holder at a time, by a lease that lasts 5 minutes and is confirmed every
// 30 s, so that etcd may be away for minutes. The number counts as invalid before etcd can give it away. The next
// holder makes no ids for times at which its predecessor may have made some, nor for a minute after those: the
// times in ids never overlap, however wrong clocks are.
//
// Names. A name, chosen or numbered, belongs to one living process at a time. A dead process's name is free when
// its lease of 10 s has run out, and at once for a process of the same host and network, where the kernel says who
// lives. While etcd is away no process gives its name up; a process that finds its name with another one later is
// told.
//
// Election. One process leads at a time; its context ends 2 s before etcd can let
// another one lead, counted on the monotonic clock from the time at which the last
// renewal was sent. An etcd that has lost its data elects nobody until a leader
// from before the loss must have given up.
//
// Settings. Values below prefix/config/ are delivered at first and after each
// change, across restarts of etcd and compaction.
//
// No data. The one thing that no lease can survive is an etcd whose data is lost: holders notice when they are
// connected again, and claim anew. Until then a worker id could be given to two holders. That is why worker ids
// are drawn at random, and why the database has a unique key on the ids that are made with them.
//
// Every call has a deadline; nothing here stops because etcd is away.
package registry
