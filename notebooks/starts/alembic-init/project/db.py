"""The database connection: engine, session, Base, get_db."""

from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, sessionmaker

from coursekit import project_url

SQLALCHEMY_DATABASE_URL = project_url()

engine = create_engine(SQLALCHEMY_DATABASE_URL, hide_parameters=True)
SessionLocal = sessionmaker(autoflush=False, bind=engine)


class Base(DeclarativeBase):
    pass


def get_db():
    db = SessionLocal()
    try:
        yield db
    finally:
        db.close()
