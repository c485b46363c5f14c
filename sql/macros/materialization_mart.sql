{#- A table as one Parquet file of the build, written straight from its query, with its contract checked first.
    dbt-duckdb's own `external` writes a row of NULLs for an empty table and copies every row twice. -#}
{%- materialization mart, adapter='duckdb' -%}
    {%- set target = this.incorporate(type='view') -%}
    {%- set folder = env_var('GALAXIESML_CATALOG') ~ '/builds/' ~ env_var('GALAXIESML_BUILD', '.dbt') -%}
    {%- set path = (folder ~ '/' ~ this.identifier ~ '.parquet') | replace("'", "''") -%}
    {{ run_hooks(pre_hooks, inside_transaction=False) }}
    {{ run_hooks(pre_hooks, inside_transaction=True) }}
    {%- if config.get('contract').enforced -%}
        {{ get_assert_columns_equivalent(sql) }}
    {%- endif -%}
    {% call statement('main') -%}
        copy ({{ sql }}) to '{{ path }}' (format parquet, compression zstd, row_group_size 122880)
    {%- endcall %}
    {% call statement('view') -%}
        create or replace view {{ target }} as select * from read_parquet('{{ path }}')
    {%- endcall %}
    {{ run_hooks(post_hooks, inside_transaction=True) }}
    {{ adapter.commit() }}
    {{ run_hooks(post_hooks, inside_transaction=False) }}
    {{ return({'relations': [target]}) }}
{%- endmaterialization -%}
