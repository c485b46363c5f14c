{#- A source where a macro asks it: its view in a build; its files where dbt only compiles (`dbt compile`, `dbt docs
    generate`), for no hook makes the views there. -#}
{%- macro source_now(name, table) -%}
{%- set view = source(name, table) -%}
{%- if execute and flags.WHICH in ('compile', 'generate') -%}
    {%- set node = graph.sources.values() | selectattr('source_name', 'equalto', name)
        | selectattr('name', 'equalto', table) | first -%}
    {{ return(parquet_files(env_var('GALAXIESML_CATALOG'), node.config.meta.path, union_by_name=true)) }}
{%- endif -%}
{{ return(view) }}
{%- endmacro -%}
