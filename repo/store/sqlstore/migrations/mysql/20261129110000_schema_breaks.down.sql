DROP TABLE IF EXISTS schema_breaks;
