-- Which shard the user of a name is in. It makes names unique over all shards; Vitess writes it with users.
CREATE TABLE IF NOT EXISTS users_by_name (
    username_key VARBINARY(764) NOT NULL PRIMARY KEY,
    keyspace_id  VARBINARY(16)  NOT NULL
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
