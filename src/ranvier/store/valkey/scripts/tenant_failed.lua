-- needs: tenant
-- The first failure of a tenant at a worker: replies whether its circuit is open elsewhere.
-- Takes: ARGV[2] the name of the tenant's circuit.

return cjson.encode(view_of_tenant(ARGV[2], load_tenant(ARGV[2])))
