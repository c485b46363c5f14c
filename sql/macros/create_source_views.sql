{#- Views of the sources under plain names, so that models read tables, not paths; the paths are in the yml. -#}
{%- macro create_source_views() -%}
{{ return(adapter.dispatch('create_source_views', 'galaxiesml')()) }}
{%- endmacro -%}

{#- Of Spark and Sail the tables are there before dbt starts. -#}
{%- macro spark__create_source_views() -%}
select 1
{%- endmacro -%}

{%- macro default__create_source_views() -%}
{%- if execute -%}
{%- set root = env_var('GALAXIESML_CATALOG') -%}
{%- for source in graph.sources.values() | sort(attribute='unique_id') %}
create schema if not exists {{ source.schema }};
create or replace view {{ source.schema }}.{{ source.name }} as
select * from {{ parquet_files(root, source.config.meta.path, union_by_name=true) }};
{%- endfor %}
{%- endif -%}
{%- endmacro -%}
