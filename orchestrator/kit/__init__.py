"""What every noun of the service needs: settings, stores, database, redis, ids, errors."""
