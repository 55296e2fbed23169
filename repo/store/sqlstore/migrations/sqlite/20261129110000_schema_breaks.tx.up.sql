-- Which migrations programs of before cannot work with: one that takes away or changes what they
-- read or write adds its own name here. A program that does not know a name that is here does not
-- start.
CREATE TABLE IF NOT EXISTS schema_breaks (
    name TEXT NOT NULL PRIMARY KEY
);
