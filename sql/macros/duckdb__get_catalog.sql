{#- What `dbt docs generate` lists: the database is in memory and empty then, so it gets the sources and the published
    build as views first. -#}
{%- macro duckdb__get_catalog(information_schema, schemas) -%}
    {%- do run_query(create_source_views()) -%}
    {%- do run_query(create_published_views()) -%}
    {{ return(dbt.duckdb__get_catalog(information_schema, schemas)) }}
{%- endmacro -%}

{%- macro duckdb__get_catalog_relations(information_schema, relations) -%}
    {%- do run_query(create_source_views()) -%}
    {%- do run_query(create_published_views()) -%}
    {{ return(dbt.duckdb__get_catalog_relations(information_schema, relations)) }}
{%- endmacro -%}

{#- Views of the published build's tables, by the names of their models; before the first build, of plain dbt's. -#}
{%- macro create_published_views() -%}
{%- set root = env_var('GALAXIESML_CATALOG') -%}
{%- set build = [env_var('GALAXIESML_BUILD', '.dbt')] -%}
{%- for _ in run_query('select file from glob(' ~ literal_path(root ~ '/current') ~ ')').rows -%}
    {%- do build.append(run_query('select content from read_text(' ~ literal_path(root ~ '/current') ~ ')').rows[0][0] | trim) -%}
{%- endfor -%}
{%- set folder = root ~ '/builds/' ~ build[-1] -%}
{%- set files = [] -%}
{%- for row in run_query('select file from glob(' ~ literal_path(folder, '/*.parquet') ~ ')').rows -%}
    {%- do files.append(row[0]) -%}
{%- endfor %}
create schema if not exists {{ target.schema }};
{%- for node in graph.nodes.values() if node.config.materialized == 'mart' %}
{%- set path = folder ~ '/' ~ node.alias ~ '.parquet' %}
{%- if path in files %}
create or replace view {{ target.schema }}.{{ node.alias }} as select * from {{ parquet_files(path) }};
{%- endif %}
{%- endfor %}
{%- endmacro -%}
