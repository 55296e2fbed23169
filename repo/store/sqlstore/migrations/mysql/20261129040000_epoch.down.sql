DROP TABLE IF EXISTS store_epoch;
