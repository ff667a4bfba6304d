-- What runs in the database: triggers, rules, policies and functions; and extended statistics.
SELECT 'trigger' AS kind,
       n.nspname AS schema,
       c.relname AS home,
       g.tgname AS name,
       pg_catalog.substring(pg_catalog.pg_get_triggerdef(g.oid), '^CREATE (.*)$') AS about,
       pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
           'enabled', CASE
               WHEN g.tgenabled = 'D' THEN 'no' WHEN g.tgenabled = 'A' THEN 'always'
               WHEN g.tgenabled = 'R' THEN 'on a replica'
           END,
           'function', g.tgfoid::regproc::text,
           'depends on extension', (
               SELECT pg_catalog.string_agg(x.extname::text, ', ' ORDER BY x.extname::text)
               FROM pg_catalog.pg_depend e JOIN pg_catalog.pg_extension x ON x.oid = e.refobjid
               WHERE e.classid = 'pg_catalog.pg_trigger'::regclass::oid AND e.objid = g.oid AND e.deptype = 'x'
           ),
           'comment', pg_catalog.obj_description(g.oid, 'pg_trigger')
       ))::text AS details
FROM pg_catalog.pg_trigger g
     JOIN pg_catalog.pg_class c ON c.oid = g.tgrelid
     JOIN here n ON n.oid = c.relnamespace
WHERE NOT g.tgisinternal
UNION ALL
SELECT 'rule', n.nspname, c.relname, r.rulename,
       pg_catalog.pg_get_ruledef(r.oid),
       pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
           'enabled', CASE WHEN r.ev_enabled <> 'O' THEN r.ev_enabled END,
           'comment', pg_catalog.obj_description(r.oid, 'pg_rewrite')
       ))::text
FROM pg_catalog.pg_rewrite r
     JOIN pg_catalog.pg_class c ON c.oid = r.ev_class
     JOIN here n ON n.oid = c.relnamespace
WHERE r.rulename <> '_RETURN'
UNION ALL
SELECT 'policy', n.nspname, c.relname, p.polname,
       CASE WHEN p.polpermissive THEN 'permissive' ELSE 'restrictive' END
           || CASE
                  WHEN p.polcmd = 'r' THEN ' for select' WHEN p.polcmd = 'a' THEN ' for insert'
                  WHEN p.polcmd = 'w' THEN ' for update' WHEN p.polcmd = 'd' THEN ' for delete'
                  ELSE ' for all'
              END,
       pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
           'to', (
               SELECT pg_catalog.string_agg(
                   CASE
                       WHEN role = 0::oid THEN 'public'
                       ELSE pg_catalog.pg_get_userbyid(role)::text
                   END, ', ' ORDER BY pg_catalog.pg_get_userbyid(role)
               )
               FROM pg_catalog.unnest(p.polroles) AS role
           ),
           'using', pg_catalog.pg_get_expr(p.polqual, p.polrelid),
           'with check', pg_catalog.pg_get_expr(p.polwithcheck, p.polrelid),
           'comment', pg_catalog.obj_description(p.oid, 'pg_policy')
       ))::text
FROM pg_catalog.pg_policy p
     JOIN pg_catalog.pg_class c ON c.oid = p.polrelid
     JOIN here n ON n.oid = c.relnamespace
UNION ALL
SELECT 'function', n.nspname, NULL,
       p.proname::text || '(' || pg_catalog.pg_get_function_identity_arguments(p.oid) || ')',
       CASE
           WHEN p.prokind = 'p' THEN 'procedure' WHEN p.prokind = 'a' THEN 'aggregate'
           WHEN p.prokind = 'w' THEN 'window function' ELSE 'function'
       END,
       pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
           'owner', pg_catalog.pg_get_userbyid(p.proowner),
           'returns', pg_catalog.pg_get_function_result(p.oid),
           'language', l.lanname,
           'definition', CASE
               WHEN p.prokind <> 'a' THEN pg_catalog.pg_get_functiondef(p.oid)
               ELSE (
                   SELECT pg_catalog.textin(pg_catalog.record_out(a.*))
                   FROM pg_catalog.pg_aggregate a WHERE a.aggfnoid = p.oid
               )
           END,
           'depends on extension', (
               SELECT pg_catalog.string_agg(x.extname::text, ', ' ORDER BY x.extname::text)
               FROM pg_catalog.pg_depend e JOIN pg_catalog.pg_extension x ON x.oid = e.refobjid
               WHERE e.classid = 'pg_catalog.pg_proc'::regclass::oid AND e.objid = p.oid AND e.deptype = 'x'
           ),
           'comment', pg_catalog.obj_description(p.oid, 'pg_proc')
       ))::text
FROM pg_catalog.pg_proc p
     JOIN here n ON n.oid = p.pronamespace
     JOIN pg_catalog.pg_language l ON l.oid = p.prolang
WHERE NOT EXISTS (
          SELECT FROM pg_catalog.pg_depend e
          WHERE e.classid = 'pg_catalog.pg_proc'::regclass::oid AND e.objid = p.oid AND e.deptype = 'e'
      )
UNION ALL
SELECT 'statistics', n.nspname, c.relname, s.stxname,
       pg_catalog.pg_get_statisticsobjdef(s.oid),
       pg_catalog.jsonb_strip_nulls(pg_catalog.jsonb_build_object(
           'owner', pg_catalog.pg_get_userbyid(s.stxowner),
           'target', CASE WHEN s.stxstattarget >= 0 THEN s.stxstattarget END,
           'comment', pg_catalog.obj_description(s.oid, 'pg_statistic_ext')
       ))::text
FROM pg_catalog.pg_statistic_ext s
     JOIN here n ON n.oid = s.stxnamespace
     JOIN pg_catalog.pg_class c ON c.oid = s.stxrelid
ORDER BY schema, home, kind, name
