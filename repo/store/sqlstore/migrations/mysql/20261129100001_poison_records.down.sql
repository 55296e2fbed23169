DROP TABLE IF EXISTS poison_records;
