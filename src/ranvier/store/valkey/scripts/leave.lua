-- needs: workers
-- A worker ends: its gauges are dropped, and its sums stay in the total.
-- Takes: ARGV[2] the worker.

redis.call('ZREM', workers_key, ARGV[2])
redis.call('DEL', worker_key(ARGV[2]))
return answer_alive(0)
