-- What was granted or revoked: every access list that isn't the default, one row for a privilege.
SELECT o.kind, o.schema, o.home, o.name,
       CASE WHEN g.grantee = 0::oid THEN 'public' ELSE pg_catalog.pg_get_userbyid(g.grantee)::text
       END AS grantee,
       g.privilege_type AS privilege,
       g.is_grantable AS grantable,
       CASE WHEN g.grantor <> o.owner THEN pg_catalog.pg_get_userbyid(g.grantor)::text END AS grantor,
       l.by_default
FROM (
         SELECT CASE WHEN c.relkind = 'S' THEN 'sequence' ELSE 'table' END AS kind,
                n.nspname AS schema, NULL AS home, c.relname::text AS name,
                c.relowner AS owner, c.relacl AS acl,
                CASE WHEN c.relkind = 'S' THEN 's'::"char" ELSE 'r'::"char" END AS type
         FROM pg_catalog.pg_class c JOIN here n ON n.oid = c.relnamespace
         UNION ALL
         SELECT 'column', n.nspname, c.relname, a.attname::text, c.relowner, a.attacl, 'c'
         FROM pg_catalog.pg_class c
              JOIN here n ON n.oid = c.relnamespace
              JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid
         UNION ALL
         SELECT 'function', n.nspname, NULL,
                p.proname::text || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')',
                p.proowner, p.proacl, 'f'
         FROM pg_catalog.pg_proc p JOIN here n ON n.oid = p.pronamespace
         UNION ALL
         SELECT 'type', n.nspname, NULL, t.typname::text, t.typowner, t.typacl, 'T'
         FROM pg_catalog.pg_type t JOIN here n ON n.oid = t.typnamespace
         UNION ALL
         SELECT 'schema', NULL, NULL, n.nspname::text, n.nspowner, n.nspacl, 'n'
         FROM here JOIN pg_catalog.pg_namespace n ON n.oid = here.oid
         UNION ALL
         SELECT 'language', NULL, NULL, lanname::text, lanowner, lanacl, 'l'
         FROM pg_catalog.pg_language
         UNION ALL
         SELECT 'foreign server', NULL, NULL, srvname::text, srvowner, srvacl, 'S'
         FROM pg_catalog.pg_foreign_server
         UNION ALL
         SELECT 'foreign-data wrapper', NULL, NULL, fdwname::text, fdwowner, fdwacl, 'F'
         FROM pg_catalog.pg_foreign_data_wrapper
     ) o,
     LATERAL (
         SELECT false AS by_default, o.acl AS acl
         UNION ALL
         SELECT true, pg_catalog.acldefault(o.type, o.owner)
     ) l,
     pg_catalog.aclexplode(l.acl) g
WHERE o.acl IS NOT NULL
ORDER BY o.kind, o.schema, o.home, o.name, grantee, privilege
