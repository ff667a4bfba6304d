-- Enum types, domains, ranges and base types; composite types are relations.
SELECT 'type' AS kind,
       n.nspname AS schema,
       NULL AS home,
       t.typname AS name,
       '' AS about,
       pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
           'owner', pg_catalog.pg_get_userbyid(t.typowner),
           'enum', (
               SELECT pg_catalog.string_agg(e.enumlabel::text, ', ' ORDER BY e.enumsortorder)
               FROM pg_catalog.pg_enum e
               WHERE e.enumtypid = t.oid
           ),
           'domain', CASE WHEN t.typtype = 'd' THEN
               pg_catalog.format_type(t.typbasetype, t.typtypmod)
               || CASE WHEN t.typnotnull THEN ' not null' ELSE '' END
           END,
           'default', t.typdefault,
           'collation', CASE
               WHEN t.typcollation <> base.typcollation THEN t.typcollation::regcollation::text
           END,
           'constraints', (
               SELECT pg_catalog.string_agg(
                   pg_catalog.concat_ws(
                       ' ', k.conname, pg_catalog.pg_get_constraintdef(k.oid),
                       pg_catalog.obj_description(k.oid, 'pg_constraint')
                   ), ', ' ORDER BY k.conname
               )
               FROM pg_catalog.pg_constraint k
               WHERE k.contypid = t.oid AND k.contype <> 'n'
           ),
           'range', pg_catalog.format_type(r.rngsubtype, NULL),
           'comment', pg_catalog.obj_description(t.oid, 'pg_type')
       ))::text AS details
FROM pg_catalog.pg_type t
     JOIN here n ON n.oid = t.typnamespace
     LEFT JOIN pg_catalog.pg_type base ON base.oid = t.typbasetype
     LEFT JOIN pg_catalog.pg_range r ON r.rngtypid = t.oid
WHERE (t.typtype IN ('e', 'd', 'r') OR t.typtype = 'b' AND t.typelem = 0::oid)
      AND NOT EXISTS (
          SELECT FROM pg_catalog.pg_depend e
          WHERE e.classid = 'pg_catalog.pg_type'::regclass::oid AND e.objid = t.oid AND e.deptype = 'e'
      )
ORDER BY n.nspname, t.typname
