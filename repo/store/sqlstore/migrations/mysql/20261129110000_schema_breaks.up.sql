-- Which migrations programs of before cannot work with: one that takes away or changes what they
-- read or write adds its own name here before it does anything else. A program that does not know
-- a name that is here does not start.
CREATE TABLE IF NOT EXISTS schema_breaks (
    name VARCHAR(191) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY
) ENGINE=InnoDB DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;
