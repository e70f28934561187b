-- needs: tenant
-- The first failure that a worker sees of a tenant: is its circuit open elsewhere?
-- Takes: ARGV[2] the name of the tenant's circuit.

return cjson.encode(view_of_tenant(ARGV[2], load_tenant(ARGV[2])))
